"""The reference platform: a multi-tenant site search, its images, and the cluster it runs on."""
