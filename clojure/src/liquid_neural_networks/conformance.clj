(ns liquid-neural-networks.conformance
  "`clojure -M:conformance [folder]`: does this installation do what the specification says?"
  (:require [liquid-neural-networks.core :as lnn]))

(defn -main
  "Runs the vectors of a folder, says which fail, and exits with 1 if any does."
  [& [folder]]
  (let [results (if folder (lnn/conformance folder) (lnn/conformance))
        failed (remove :passed results)]
    (doseq [{:keys [name dtype message]} failed]
      (println (str "FAILED " name " (" dtype "): " message)))
    (println (str (- (count results) (count failed)) " of " (count results) " cases passed"))
    (System/exit (if (or (seq failed) (empty? results)) 1 0))))
