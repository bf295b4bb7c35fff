/* The state x a time h later, exact while rate and drive stay as they are: it moves towards
 * drive / rate. Near y = 0 a series stands for (1 - e^-y) / y. */
static float moved(float x, flow f, float h) {
    const float y = h * f.rate;
    const float gone = -exponential_minus_one(-y);
    const float kept = x - x * gone;
    if (magnitude(y) > 0.05f) return kept + gone * (f.drive / f.rate);
    return kept + f.drive * h * (1.0f - y * (0.5f - y * (0.166666667f - y * 0.0416666667f)));
}
