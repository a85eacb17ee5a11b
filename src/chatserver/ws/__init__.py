"""The WebSocket side of the server: one connection's socket, greeting, frames and sends."""
