"""Files to policy: strict YAML with line marks, merge, checks, schema export."""
