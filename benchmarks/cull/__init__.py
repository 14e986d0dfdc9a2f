"""What a look at all servers costs: by this project's culling service, and by idle-culler."""
