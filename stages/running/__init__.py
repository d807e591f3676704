"""Running a stage: its errors, its parent process, and the proof of its code and inputs."""
