/* Every array that crosses between Python and C, each in one line. The structs that kernels are
 * given (problems.h), the reading of a call's arguments (fields.c) and the table that Python sees
 * (FIELDS) are all made from these lists.
 *
 *   F(name, shape, forward, backward, with, plans)
 *
 * shape: sizes by letter, a number before a letter or a letter before it multiplies:
 *   B batch rows, R those up to whole chunks of the kernel, T time steps, I inputs, O outputs,
 *   N neurons, E recurrent and S sensory synapses, H width of the backbone, L its layers, K heads
 *   of a neuron.
 * forward, backward: what such a call does with the array.
 * with: it comes with this other array and only then; "" for always.
 * plans: it belongs to plans of these properties only; where it may be none, it is needed in them.
 */
#ifndef LIQUID_FIELDS_H
#define LIQUID_FIELDS_H

typedef enum { UNUSED, READ, READ_OR_NONE, WRITTEN, WRITTEN_OR_NONE } Role;

enum plan_property {
    ANY_PLAN = 0,
    WITH_BACKBONE = 1,
    WITH_SILU = 2,
    OF_SEVERAL_LAYERS = 4,
    IN_PURE_MODE = 8,
    IN_A_SESSION = 16,
    IN_MATRICES = 32 /* parameters of synapses have the shapes "N N" and "I N", not "E" and "S" */
};

/* Conductance and dense dynamics; inputs of dense ones are pre-activations W_in u + b, I = N. */
#define STEP_FIELDS(F)                                                                             \
    F(inputs, "B T I", READ, READ, "", ANY_PLAN)                                                   \
    F(elapsed_time, "B T", READ_OR_NONE, READ_OR_NONE, "", ANY_PLAN)                               \
    F(time_constants, "B T N", READ_OR_NONE, READ_OR_NONE, "", ANY_PLAN)                           \
    F(state, "B N", READ_OR_NONE, READ_OR_NONE, "", ANY_PLAN)                                      \
    F(states, "B T N", WRITTEN, READ, "", ANY_PLAN)                                                \
    F(grad_states, "B T N", UNUSED, READ, "", ANY_PLAN)                                            \
    F(grad_inputs, "B T I", UNUSED, WRITTEN, "", ANY_PLAN)                                         \
    F(grad_elapsed_time, "B T", UNUSED, WRITTEN_OR_NONE, "elapsed_time", ANY_PLAN)                 \
    F(grad_time_constants, "B T N", UNUSED, WRITTEN_OR_NONE, "time_constants", ANY_PLAN)           \
    F(grad_state, "B N", UNUSED, WRITTEN_OR_NONE, "state", ANY_PLAN)

/* 1 where an input was seen and 0 where not. */
#define MASK_FIELDS(F) F(mask, "B T I", READ_OR_NONE, READ_OR_NONE, "", ANY_PLAN)

/* P(constant, name, shape): read both ways; the gradient grad_<name> is written backward. */
#define CONDUCTANCE_PARAMETERS(P)                                                                  \
    P(C, c, "N")                                                                                   \
    P(G, g, "N")                                                                                   \
    P(VLEAK, vleak, "N")                                                                           \
    P(W, w, "E")                                                                                   \
    P(SIGMA, sigma, "E")                                                                           \
    P(MU, mu, "E")                                                                                 \
    P(E, E, "E")                                                                                   \
    P(SENSORY_W, sensory_w, "S")                                                                   \
    P(SENSORY_SIGMA, sensory_sigma, "S")                                                           \
    P(SENSORY_MU, sensory_mu, "S")                                                                 \
    P(SENSORY_E, sensory_E, "S")                                                                   \
    P(A_IN, a, "I")                                                                                \
    P(B_IN, b, "I")

#define DENSE_PARAMETERS(P)                                                                        \
    P(W_REC, W_rec, "E")                                                                           \
    P(TAU, tau, "N")                                                                               \
    P(A, A, "N")

/* The memory cell beside any dynamics. Those written for backward may be left out where no
 * backward follows. */
#define CELL_FIELDS(F)                                                                             \
    F(gates, "B T 4N", READ_OR_NONE, READ_OR_NONE, "", ANY_PLAN)                                   \
    F(gates_recurrent, "4N N", READ, READ, "gates", ANY_PLAN)                                      \
    F(memory, "B N", READ, READ, "gates", ANY_PLAN)                                                \
    F(memories, "B T N", WRITTEN, READ, "gates", ANY_PLAN)                                         \
    F(starts, "B T N", WRITTEN_OR_NONE, READ, "gates", ANY_PLAN)                                   \
    F(kept_gates, "R T 4N", WRITTEN, READ, "starts", ANY_PLAN)                                     \
    F(grad_memories, "B T N", UNUSED, READ, "gates", ANY_PLAN)                                     \
    F(grad_gates, "B T 4N", UNUSED, WRITTEN, "gates", ANY_PLAN)                                    \
    F(grad_memory, "B N", UNUSED, WRITTEN, "gates", ANY_PLAN)

/* Besides these, hidden_1 (H, H), hidden_bias_1 (H) and so on: the backbone from its second layer
 * on. */
#define CLOSED_FORM_FIELDS(F)                                                                      \
    F(input_terms, "B T H", READ, READ, "", ANY_PLAN)                                              \
    F(elapsed_time, "B T", READ, READ, "", ANY_PLAN)                                               \
    F(shift, "B T N", READ_OR_NONE, READ_OR_NONE, "", IN_PURE_MODE)                                \
    F(given_shift, "B T N", READ, UNUSED, "", IN_A_SESSION)                                        \
    F(state, "B N", READ, READ, "", ANY_PLAN)                                                      \
    F(recurrent, "H N", READ, READ, "", ANY_PLAN)                                                  \
    F(heads, "KN H", READ, READ, "", WITH_BACKBONE)                                                \
    F(heads_bias, "KN", READ, READ, "", WITH_BACKBONE)                                             \
    F(between_layers, "KN N", READ, READ, "", OF_SEVERAL_LAYERS)                                   \
    F(A, "N", READ, READ, "", IN_PURE_MODE)                                                        \
    F(states, "B T N", WRITTEN, READ, "", ANY_PLAN)                                                \
    F(kept_heads, "R T KN", WRITTEN_OR_NONE, READ, "", ANY_PLAN)                                   \
    F(kept_z, "L B T H", WRITTEN_OR_NONE, READ_OR_NONE, "kept_heads", WITH_BACKBONE)               \
    F(kept_slope, "L B T H", WRITTEN, READ, "kept_heads", WITH_SILU)                               \
    F(grad_states, "B T N", UNUSED, READ, "", ANY_PLAN)                                            \
    F(grad_y, "L B T H", UNUSED, WRITTEN_OR_NONE, "", WITH_BACKBONE)                               \
    F(grad_heads, "B T KN", UNUSED, WRITTEN, "", ANY_PLAN)                                         \
    F(grad_elapsed_time, "B T", UNUSED, WRITTEN, "", ANY_PLAN)                                     \
    F(grad_state, "B N", UNUSED, WRITTEN, "", ANY_PLAN)                                            \
    F(grad_shift, "B T N", UNUSED, WRITTEN, "", IN_PURE_MODE)                                      \
    F(grad_A, "B T N", UNUSED, WRITTEN, "", IN_PURE_MODE)

/* An affine map of a session: to = matrix from + shift. */
#define AFFINE_FIELDS(F)                                                                           \
    F(matrix, "O I", READ, UNUSED, "", ANY_PLAN)                                                   \
    F(shift, "O", READ, UNUSED, "", ANY_PLAN)                                                      \
    F(from, "I", READ, UNUSED, "", ANY_PLAN)                                                       \
    F(to, "O", WRITTEN, UNUSED, "", ANY_PLAN)

/* Of a learner, which keeps them all; see learner.h. P columns, Q sensitivities, W kept outputs. */
#define LEARNER_FIELDS(F)                                                                          \
    F(parameters, "P", WRITTEN, UNUSED, "", ANY_PLAN)                                              \
    F(lower, "P", READ, UNUSED, "", ANY_PLAN)                                                      \
    F(wanted, "P", READ, UNUSED, "", ANY_PLAN)                                                     \
    F(gradient, "P", WRITTEN, UNUSED, "", ANY_PLAN)                                                \
    F(first_moment, "P", WRITTEN, UNUSED, "", ANY_PLAN)                                            \
    F(second_moment, "P", WRITTEN, UNUSED, "", ANY_PLAN)                                           \
    F(sensitivities, "Q", WRITTEN, UNUSED, "", ANY_PLAN)                                           \
    F(state, "N", WRITTEN, UNUSED, "", ANY_PLAN)                                                   \
    F(time_constants, "N", READ, UNUSED, "", ANY_PLAN)                                             \
    F(outputs, "O", WRITTEN, UNUSED, "", ANY_PLAN)                                                 \
    F(kept_states, "W N", WRITTEN, UNUSED, "", ANY_PLAN)                                           \
    F(kept_outputs, "W O", WRITTEN, UNUSED, "", ANY_PLAN)                                          \
    F(kept_sensitivities, "W O P", WRITTEN, UNUSED, "", ANY_PLAN)

/* Of the guard of a learner, which keeps them all, in double precision; see guard.h. J features of
 * the skip, I + 1; C of them with a covariance, all or none; K outputs that wait for a label; A
 * numbers of the tally. */
#define GUARD_FIELDS(F)                                                                            \
    F(inputs_count, "I", WRITTEN, UNUSED, "", ANY_PLAN)                                            \
    F(inputs_center, "I", WRITTEN, UNUSED, "", ANY_PLAN)                                           \
    F(inputs_variance, "I", WRITTEN, UNUSED, "", ANY_PLAN)                                         \
    F(inputs_outliers, "I", WRITTEN, UNUSED, "", ANY_PLAN)                                         \
    F(targets_count, "O", WRITTEN, UNUSED, "", ANY_PLAN)                                           \
    F(targets_center, "O", WRITTEN, UNUSED, "", ANY_PLAN)                                          \
    F(targets_variance, "O", WRITTEN, UNUSED, "", ANY_PLAN)                                        \
    F(targets_outliers, "O", WRITTEN, UNUSED, "", ANY_PLAN)                                        \
    F(skip_weights, "O J", WRITTEN, UNUSED, "", ANY_PLAN)                                          \
    F(skip_covariance, "C C", WRITTEN, UNUSED, "", ANY_PLAN)                                       \
    F(share_stake, "K", WRITTEN, UNUSED, "", ANY_PLAN)                                             \
    F(share_scored, "K", WRITTEN, UNUSED, "", ANY_PLAN)                                            \
    F(made_middle, "K O", WRITTEN, UNUSED, "", ANY_PLAN)                                           \
    F(made_spread, "K O", WRITTEN, UNUSED, "", ANY_PLAN)                                           \
    F(made_network, "K O", WRITTEN, UNUSED, "", ANY_PLAN)                                          \
    F(made_shadow, "K O", WRITTEN, UNUSED, "", ANY_PLAN)                                           \
    F(made_distance, "K O", WRITTEN, UNUSED, "", ANY_PLAN)                                         \
    F(made_features, "K J", WRITTEN, UNUSED, "", ANY_PLAN)                                         \
    F(made_share, "K", WRITTEN, UNUSED, "", ANY_PLAN)                                              \
    F(made_known, "K O", WRITTEN, UNUSED, "", ANY_PLAN)                                            \
    F(last, "O", WRITTEN, UNUSED, "", ANY_PLAN)                                                    \
    F(age, "O", WRITTEN, UNUSED, "", ANY_PLAN)                                                     \
    F(tally, "A", WRITTEN, UNUSED, "", ANY_PLAN)                                                   \
    F(inputs, "I", READ, UNUSED, "", ANY_PLAN)                                                     \
    F(scaled, "I", WRITTEN, UNUSED, "", ANY_PLAN)                                                  \
    F(network, "O", READ, UNUSED, "", ANY_PLAN)                                                    \
    F(frozen, "O", READ, UNUSED, "", ANY_PLAN)                                                     \
    F(output, "O", WRITTEN, UNUSED, "", ANY_PLAN)                                                  \
    F(target, "O", READ, UNUSED, "", ANY_PLAN)                                                     \
    F(lesson, "O", WRITTEN, UNUSED, "", ANY_PLAN)                                                  \
    F(features, "J", WRITTEN, UNUSED, "", ANY_PLAN)                                                \
    F(along, "J", WRITTEN, UNUSED, "", ANY_PLAN)

#endif
