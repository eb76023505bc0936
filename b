{
PUB evil 0
} x