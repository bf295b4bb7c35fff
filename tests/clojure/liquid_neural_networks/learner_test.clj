(ns liquid-neural-networks.learner-test
  (:require [clojure.test :refer [are deftest is]]
            [liquid-neural-networks.core :as lnn]
            [liquid-neural-networks.helpers :refer [close? error]]))

(defn- pilot []
  (lnn/create-network {:input-size 2 :seed 1 :wiring {:type :ncp :inter 6 :command 4 :motor 1}}))

(def samples [[0.1 0.2] [0.4 nil] [0.7 0.8] [-1.0 0.5]])

(deftest a-learner-is-a-stream-until-it-learns
  (let [network (pilot)]
    (with-open [live (lnn/learner network) fixed (lnn/stream network)]
      (is (close? 1e-6 (mapv #(lnn/step! fixed %) samples) (mapv #(lnn/step! live %) samples)))
      (is (close? 1e-6 (lnn/stream-state fixed) (lnn/stream-state live)))
      (is (= [0.0] (distinct (flatten (lnn/stream-state (lnn/reset-stream! live))))))
      (is (= "#<Learner of 2 inputs, 1 outputs>" (pr-str live))))))

(deftest learning-lowers-the-loss
  (with-open [live (lnn/learner (pilot) {:method :exact :learning-rate 0.01})]
    (let [losses (doall (for [_ (range 300)] (do (lnn/step! live [0.5 -0.1]) (lnn/learn! live 0.4))))]
      (is (< (last losses) (* 0.01 (double (first losses))))))
    (is (= {:method :exact :samples 300 :updates 300 :events []}
           (dissoc (lnn/about-learner live) :reason)))))

(deftest labels-are-late-or-missing
  (with-open [live (lnn/learner (pilot) :max-delay 2)]
    (doseq [sample samples] (lnn/step! live sample))
    (is (nil? (lnn/learn! live nil)))
    (is (nil? (lnn/learn! live [Double/NaN])))
    (is (number? (lnn/learn! live (double-array [0.3]) {:delay 2})))
    (is (= 1 (:updates (lnn/about-learner live))))
    (are [type argument form]
         (= {:type type :argument argument} (select-keys (error form) [:type :argument]))
      :domain-error :delay (lnn/learn! live 0.3 {:delay 3})
      :shape-error :target (lnn/learn! live [1 2])
      :option-error :later (lnn/learn! live 0.3 {:later 3}))))

(deftest what-was-learned-is-committed-or-kept
  (let [network (pilot) before (lnn/forward network samples)]
    (with-open [live (lnn/learner network {:method :snap1})]
      (doseq [sample samples] (lnn/step! live sample) (lnn/learn! live 0.4))
      (let [kept (lnn/snapshot live)
            again #(vector (lnn/step! live [0.5 0.5]) (lnn/learn! live 0.1) (lnn/step! live [1 2]))
            first-time (again)]
        (is (= before (lnn/forward network samples)))
        (is (= first-time (do (lnn/restore! live kept) (again))))
        (with-open [other (lnn/learner network {:method :snap1})]
          (is (= (first first-time) (lnn/step! (lnn/restore! other kept) [0.5 0.5]))))
        (is (= :model-file-error (:type (error (lnn/restore! live (byte-array 3)))))))
      (lnn/commit! live)
      (is (not= before (lnn/forward network samples))))))

(deftest streams-do-not-learn
  (let [network (pilot)]
    (with-open [fixed (lnn/stream network)]
      (is (= :dtype-error (:type (error (lnn/learn! fixed 1.0))))))
    (let [live (lnn/learner network)]
      (.close live)
      (is (= :option-error (:type (error (lnn/learn! live 1.0))))))
    (is (= {:type :option-error :argument :method}
           (select-keys (error (lnn/learner network {:method :guessing})) [:type :argument])))))
