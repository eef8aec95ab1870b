"""The API of `/api/sync` and health in OpenAPI, and the operations that its routes are made of."""
