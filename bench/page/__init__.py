"""What the admin page costs the browser that shows it."""
