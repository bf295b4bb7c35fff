(ns tech.v3.dataset.protocols
  "A stand-in for the part of tech.ml.dataset that tells data sets from other maps.")

(def stand-in "Tells this namespace from the original." true)

(defprotocol PDataset
  (is-dataset? [item]))

(extend-protocol PDataset
  Object (is-dataset? [_] false)
  nil (is-dataset? [_] false))
