//! The stories: what Holdfast promises, told to the real binary over every backend.
