/* How old the sample is that came before one of this age. */
static double age_before(const past_samples *past, int lag, double age) {
    (void)past;
    (void)age;
    return (lag + 1) * (double)ELAPSED_TIME;
}
