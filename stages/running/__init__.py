"""Running a stage: its errors, its parent process, and the check of its code and inputs."""
