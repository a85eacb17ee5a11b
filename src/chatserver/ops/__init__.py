"""What whoever runs the server needs: logging."""
