(ns tech.v3.dataset.modelling
  "A stand-in: which columns of a data set are to be predicted.")

(defn set-inference-target [table target]
  (reduce (fn [table column]
            (update table column vary-meta assoc :inference-target? true))
          table
          (if (sequential? target) target [target])))
