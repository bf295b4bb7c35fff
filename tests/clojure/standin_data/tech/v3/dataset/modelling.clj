(ns tech.v3.dataset.modelling
  "A stand-in: which columns of a data set are to be predicted.")

(defn set-inference-target [table target]
  (vary-meta table assoc :targets (if (sequential? target) target [target])))
