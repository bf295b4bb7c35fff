(ns liquid-neural-networks.learner-test
  (:require [clojure.edn :as edn]
            [clojure.string :as str]
            [clojure.test :refer [are deftest is testing]]
            [liquid-neural-networks.core :as lnn]
            [liquid-neural-networks.helpers :refer [close? error python temporary]]))

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

(deftest targets-may-be-several-or-a-class
  (let [network {:input-size 2 :hidden-size 4 :output-size 3 :seed 1}
        taught (fn [options targets]
                 (with-open [live (lnn/learner (lnn/create-network (merge network (:network options)))
                                               (dissoc options :network))]
                   (mapv #(do (lnn/step! live [0.5 -0.1]) (lnn/learn! live %)) targets)))
        losses (taught {} (repeat 4 [0.1 0.2 nil]))]
    (is (every? pos? losses))
    (is (apply > losses))
    (is (= losses
           (taught {} [(list 0.1 0.2 nil) (double-array [0.1 0.2 ##NaN]) [1/10 0.2 ##NaN]
                       {:data [0.1 0.2 nil] :shape [3]}])))
    (is (= [nil nil] (taught {} [[nil nil nil] nil])))
    (is (= (taught {:network {:output-size 1}} [0.3 0.2])
           (taught {:network {:output-size 1}} [[0.3] (double-array [0.2])])))
    (let [losses (taught {:loss :cross-entropy :learning-rate 0.01} (repeat 30 2))]
      (is (< (last losses) (first losses)))
      (is (nil? (first (taught {:loss :cross-entropy} [##NaN])))))
    (are [type options target]
         (= [type :target] ((juxt :type :argument) (error (taught options [target]))))
      :shape-error {} 0.5
      :shape-error {} [0.1 0.2]
      :shape-error {} [[0.1 0.2 0.3]]
      :dtype-error {} [0.1 "x" 0.3]
      :dtype-error {} :up
      :domain-error {} [0.1 ##Inf 0.3]
      :shape-error {:loss :cross-entropy} [0 1 0]
      :domain-error {:loss :cross-entropy} 3
      :domain-error {:network {:output-size 1}} ##Inf)))

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

;; -- under guard ----------------------------------------------------------------------------

(defn- readings [n]
  (for [t (range n)] [(+ 20 (* 5 (Math/sin (/ t 4.0)))) (- 1000 t)]))

(def ^:private the-same-in-python
  "import sys
from liquid_neural_networks import LiquidNetwork
from liquid_neural_networks.online import Guarded
import math
live = Guarded(LiquidNetwork.load(sys.argv[1]).learner('snap1', learning_rate=0.003, window=8),
               warm_up=20, skip=None, changes=True, shadow='frozen', limit=3.0, window=40)
found = []
for t in range(120):
    found.append(live.step([20 + 5 * math.sin(t / 4), 1000 - t], 0.5)[0])
    live.learn(20 + 5 * math.sin((t + 1) / 4))
print('[', *found, ']', [live.share, live.bound, *live.scores, live.learner.updates])")

(deftest a-guarded-learner-does-what-it-does-in-python
  (let [network (pilot)
        path (temporary "pilot.lnn")
        options {:warm-up 20 :skip :none :changes true :shadow :frozen :limit 3.0 :window 40
                 :learner {:method :snap1 :learning-rate 0.003 :window 8}}
        target #(+ 20 (* 5 (Math/sin (/ (inc %) 4.0))))]
    (lnn/save network path)
    (with-open [live (lnn/guarded network options)]
      (let [found (doall (for [[t reading] (map-indexed vector (readings 120))]
                           (let [output (lnn/step! live reading 0.5)]
                             (lnn/learn! live (target t))
                             output)))
            {:keys [method share bound scores updates]} (lnn/about-learner live)
            {:keys [shadow learner output samples]} scores
            [outputs numbers] (edn/read-string
                               (str "[" (str/replace (python the-same-in-python path) "," " ") "]"))]
        (is (close? 1e-9 outputs found))
        (is (close? 1e-9 numbers [share bound shadow learner output samples updates]))
        (is (= :snap1 method))
        (is (= "#<Guarded of 2 inputs, 1 outputs>" (pr-str live)))))))

(deftest what-holds-for-learners-holds-under-guard
  (let [network (pilot) before (lnn/forward network samples)]
    (with-open [live (lnn/guarded network {:warm-up 4 :learner {:max-delay 1}})]
      (let [teach #(do (lnn/step! live %) (lnn/learn! live (first %)))]
        (run! teach (readings 8))
        (let [kept (lnn/snapshot live)
              again #(do (teach [19 990]) (lnn/step! live [21 nil]))
              first-time (again)]
          (is (= first-time (do (lnn/restore! live kept) (again))))
          (is (number? (lnn/learn! live 20 {:delay 1})))
          (is (nil? (lnn/learn! live nil)))
          (is (= [0.0] (distinct (flatten (lnn/stream-state (lnn/reset-stream! live)))))))
        (is (= before (lnn/forward network samples)))
        (lnn/commit! live)
        (is (not= before (lnn/forward network samples)))
        (testing "time constants are passed on"
          (is (every? number? (lnn/step! live [1 2] 1.0 0.5)))
          (is (= :time-constants (:argument (error (lnn/step! live [1 2] 1.0 -0.5))))))))
    (are [type argument options]
         (= {:type type :argument argument}
            (select-keys (error (lnn/guarded network options)) [:type :argument]))
      :option-error :shadow {:shadow :last}
      :option-error :skip {:skip :sometimes}
      :option-error :methd {:learner {:methd :exact}}
      :option-error :as {:learner {:as :vectors}}
      :option-error :method {:learner {:method :guessing}}
      :option-error :loss {:learner {:loss :cross-entropy}}
      :domain-error :warm-up {:warm-up 0})))

(deftest what-is-fed-while-looking-ahead-is-forgotten
  (let [network (lnn/create-network {:input-size 2 :hidden-size 6 :output-size 1 :seed 1})]
    (doseq [open [#(lnn/learner network {:max-delay 2})
                  #(lnn/guarded network {:changes true :warm-up 2 :learner {:max-delay 2}})]]
      (with-open [live (open)]
        (dotimes [n 6]
          (lnn/step! live [n 1])
          (lnn/learn! live n))
        (let [before (seq (lnn/snapshot live))
              ahead (lnn/with-lookahead live
                      (let [first-output (lnn/step! live [6 1])]
                        (is (= :option-error (:type (error (lnn/learn! live 6)))))
                        (lnn/with-lookahead live (lnn/step! live [9 9]))
                        (lnn/step! live [7 1])
                        first-output))]
          (is (= before (seq (lnn/snapshot live))))
          (is (thrown? Exception (lnn/with-lookahead live
                                   (lnn/step! live [6 1])
                                   (lnn/step! live [6]))))
          (is (= before (seq (lnn/snapshot live))))
          (is (= ahead (lnn/step! live [6 1]))))))
    (with-open [live (lnn/guarded network {:changes true :warm-up 2})]
      (is (= :option-error (:type (error (lnn/assume! live 1.0)))))
      (dotimes [n 8]
        (lnn/step! live [1 1])
        (lnn/learn! live (* 2.0 n)))
      (testing "what is assumed is where the next output starts from"
        (lnn/with-lookahead live
          (let [now (first (lnn/step! live [1 1]))]
            (lnn/assume! live (+ now 100))
            (is (< 50 (- (first (lnn/step! live [1 1])) now)))))))
    (with-open [live (lnn/learner network)]
      (is (= :live (:argument (error (lnn/with-lookahead live (lnn/assume! live 1.0)))))))))
