"""Reading a manifest: YAML or TOML, templates, matrix."""
