/* How old the sample is that came before one of this age. */
static double age_before(const past_samples *past, int lag, double age) {
    return age + (double)past->elapsed_time[sample_before(past, lag)];
}
