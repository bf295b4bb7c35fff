/* A step of length h, exact while rate and drive stay as they are: towards drive / rate. Near y = 0 a
 * series stands for (1 - e^-y) / y. */
static line line_of(flow f, float h) {
    const float y = h * f.rate;
    const float gone = -exponential_minus_one(-y);
    line found;
    found.keep = 1.0f - gone;
    if (magnitude(y) > 0.05f) {
        found.gain = gone * (f.drive / f.rate);
    } else {
        found.gain = f.drive * h * (1.0f - y * (0.5f - y * (0.166666667f - y * 0.0416666667f)));
    }
    return found;
}
