/* ---- conductance dynamics ------------------------------------------------------------------------
 *
 * A synapse opens with the potential x of its sender,
 *
 *     s = 1 / (1 + 2^(slope x + offset))         slope = -sigma log2(e), offset = sigma mu log2(e)
 *
 * and a neuron follows dv/dt = drive - rate v, where
 *
 *     rate  = leak rate  + sum of rate_k  s_k    rate_k  = w / c
 *     drive = leak drive + sum of drive_k s_k    drive_k = w E / c, where not stated otherwise
 */
struct synapse {
    constant slope, offset, rate, drive;
};

typedef struct {
    float rate, drive;
} flow;
