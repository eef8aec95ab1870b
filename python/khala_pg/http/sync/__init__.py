"""The API of `/api/sync`: its operations, its OpenAPI document, its responses to reads."""
