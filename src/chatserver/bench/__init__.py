"""`chatserver bench`: a bounded load generator, and what it measures. Serving never imports it."""
