"""What `otelgate-audit verify` checks, a module for each part."""
