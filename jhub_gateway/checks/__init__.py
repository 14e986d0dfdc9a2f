"""What ``jhub-gateway check -f values.yaml`` finds in the values of a release."""
