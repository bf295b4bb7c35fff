/* erf x, absolute error below 3e-7. Source: Abramowitz and Stegun, 7.1.26. */
static float error_function(float x) {
    const float z = x < 0.0f ? -x : x;
    if (z > 5.0f) return x < 0.0f ? -1.0f : 1.0f;
    const float t = 1.0f / (1.0f + 0.3275911f * z);
    const float p = ((((1.061405429f * t - 1.453152027f) * t + 1.421413741f) * t -
                      0.284496736f) * t + 0.254829592f) * t;
    const float y = 1.0f - p * exponential(-z * z);
    return x < 0.0f ? -y : y;
}
