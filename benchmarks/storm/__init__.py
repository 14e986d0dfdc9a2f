"""How a hub takes hundreds of starts at once: GatewaySpawner beside plain KubeSpawner."""
