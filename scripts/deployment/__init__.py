"""The page of deployment, tried line by line on a clean Debian in a virtual machine."""
