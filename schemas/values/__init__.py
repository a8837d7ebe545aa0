"""What a JSON value, a text, a number and a time may be. Every door to the system uses these rules."""
