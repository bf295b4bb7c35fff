/* What was known at the newest sample of an age, from one that is younger: a number of samples back. Where
 * there is none, what is known now. */
static const float *known_then(const past_samples *past, double least, int *back, double *age) {
    while (*age < least && *back + 1 < past->count) {
        *age = age_before(past, *back, *age);
        ++*back;
    }
    return past->known[sample_before(past, *age < least ? 0 : *back)];
}
