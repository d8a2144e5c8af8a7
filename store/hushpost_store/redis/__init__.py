"""The store that several relays share: Redis or Valkey, a single server or a cluster.

docs/spec/store.md, "Redis". The only package that imports redis-py, in `node_link` and `url`.
"""
