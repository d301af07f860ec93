"""The activity type http: one HTTP request, for EE."""
