"""How a user's login becomes what each of the gateway's systems reads."""
