/* x <- A - A ff1 exp(-dt (leak + |ff1|)) */
static float settled(float ff1, float leak, float A, float dt) {
    return A - A * ff1 * exponential(-dt * (leak + magnitude(ff1)));
}
