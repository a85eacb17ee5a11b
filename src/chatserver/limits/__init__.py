"""Rate limits: how often users and addresses may ask, counted within bounded memory."""
