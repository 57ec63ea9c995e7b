"""The ground: no op and no tensor, only what they are made of."""
