"""The version that clients are told: the engine's."""

ENGINE_VERSION = "1.8.1"
