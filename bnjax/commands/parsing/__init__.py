"""What a command line says: flags, their defaults and help, the conditions of sweeps, wrong usage."""
