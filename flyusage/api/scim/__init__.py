"""SCIM 2.0 (RFC 7643, RFC 7644): a directory provisions an organization's people and groups, and takes them out again."""
