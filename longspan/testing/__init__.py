"""Testing machines: what the pytest plugin's fixtures hand out. Nothing here needs pytest, or is used outside tests."""

NAMESPACE = "test"  # part of every trace id, so that the ids in golden files never change
