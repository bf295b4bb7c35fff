(ns user
  "A guided tour: evaluate the forms below one by one. Ctrl-C stops what runs, not the REPL."
  (:require [clojure.repl :refer [doc set-break-handler!]]
            [liquid-neural-networks.core :as lnn]))

(defn- on-interrupt
  "Stops trainings where there are any, else interrupts the REPL's own thread."
  [^Thread repl]
  (fn [_]
    (if (pos? (lnn/stop-trainings!))
      (binding [*out* *err*] (println "\nstopping the training at its next step"))
      (.interrupt repl))))

;; Without this, Ctrl-C would end the JVM.
(set-break-handler! (on-interrupt (Thread/currentThread)))

(comment
  ;; -- a first network. Python starts now, which takes a few seconds.
  (def network (lnn/create-network {:input-size 2 :hidden-size 16 :output-size 1 :seed 1}))
  (doc lnn/forward)
  (lnn/forward network [[0.5 -0.1] [0.4 0.0] [0.3 0.2]])

  ;; -- time: how long since the last sample, and how fast neurons forget at rest
  (lnn/forward network [[0.5 -0.1] [0.4 0.0]] nil {:elapsed-time [0.1 2.5]})
  (lnn/forward network [[0.5 -0.1] [0.4 0.0]] 0.7)

  ;; -- a value that was not measured is nil
  (lnn/forward network [[0.5 nil] [nil 0.0]])

  ;; -- 19 neurons, wired as a neural circuit policy
  (def pilot (lnn/create-network {:input-size 4 :seed 1
                                  :wiring {:type :ncp :inter 12 :command 6 :motor 1}}))
  (-> (lnn/describe pilot) :populations first)
  (lnn/draw pilot {:path "wiring.png"})

  ;; -- learn to continue a wave. Ctrl-C stops it, and keeps the best epoch
  (def wave (mapv #(Math/sin (* 0.3 %)) (range 2000)))
  (defn windows [shift starts]
    (for [start starts] (mapv vector (subvec wave (+ start shift) (+ start shift 32)))))
  (defn data [starts] {:inputs (windows 0 starts) :targets (windows 1 starts)})
  (def learner (lnn/create-network {:input-size 1 :hidden-size 8 :output-size 1 :seed 1}))
  (def history (lnn/train! learner (data (range 0 1200 8))
                           {:valid (data (range 1300 1900 8)) :epochs 30}))
  (:best-loss history)

  ;; -- live: one sample in, one output out
  (with-open [live (lnn/stream learner)]
    (mapv #(first (lnn/step! live [%])) (take 20 wave)))

  ;; -- look inside
  (lnn/effective-time-constants learner (map vector (take 40 wave)))
  (lnn/draw learner {:picture :time-constants :inputs (map vector (take 100 wave))
                     :path "time_constants.png"})

  ;; -- keep it; Python reads the same file
  (lnn/save learner "wave.lnn" {:metadata {:note "continues a wave"}})
  (lnn/load-network "wave.lnn"))
