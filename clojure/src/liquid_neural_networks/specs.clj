(ns liquid-neural-networks.specs
  "Specs of the functions of core, for `clojure.spec.test.alpha/instrument` while developing.
  Without it, bad arguments get the errors that core documents."
  (:require [clojure.spec.alpha :as s]
            [liquid-neural-networks.core :as lnn]
            [liquid-neural-networks.options :as options])
  (:import [liquid_neural_networks.core Forecaster]))

(s/def ::network lnn/network?)
(s/def ::inputs (s/or :nested sequential? :flat map? :array-or-tensor some?))
(s/def ::time-constants (s/nilable some?))
(s/def ::data (s/map-of #{:inputs :targets :elapsed-time :mask} some?))
(s/def ::path ::options/path)
(s/def ::table (s/or :file ::path :columns (s/map-of ::options/column some?)))
(s/def ::forecaster #(instance? Forecaster %))
(s/def ::options (s/nilable (s/map-of keyword? any?)))
(s/def ::rest (s/or :none empty?
                    :map (s/tuple ::options)
                    :one-by-one (s/and sequential? #(even? (count %))
                                       #(every? keyword? (take-nth 2 %)))))

(defn- with-rest
  "Arguments, then options as a map or one by one."
  [& required]
  (let [n (count required)]
    (fn [arguments]
      (let [arguments (or arguments [])]
        (and (<= n (count arguments))
             (every? true? (map #(s/valid? %1 %2) required arguments))
             (s/valid? ::rest (vec (drop n arguments))))))))

(defn- run-arguments [arguments]
  (case (count arguments)
    2 ((with-rest ::network ::inputs) arguments)
    ((with-rest ::network ::inputs ::time-constants) arguments)))

(defn- model-and-data [arguments]
  (or ((with-rest ::network ::data) arguments)
      ((with-rest ::forecaster ::table) arguments)))

(s/fdef lnn/initialize! :args (s/cat :options (s/? ::options)) :ret map?)
(s/fdef lnn/create-network :args (s/cat :options ::options) :ret ::network)
(s/fdef lnn/forward :args run-arguments)
(s/fdef lnn/trace :args run-arguments :ret map?)
(s/fdef lnn/effective-time-constants :args run-arguments)
(s/fdef lnn/train! :args (with-rest ::network ::data) :ret map?)
(s/fdef lnn/predict :args model-and-data)
(s/fdef lnn/evaluate :args model-and-data :ret map?)
(s/fdef lnn/read-table :args (with-rest ::path) :ret map?)
(s/fdef lnn/fit-table :args (with-rest ::table ::options/column-or-columns) :ret ::forecaster)
(s/fdef lnn/load-forecaster :args (s/cat :path ::path) :ret ::forecaster)
(s/fdef lnn/load-data :args (with-rest ::options/choice) :ret map?)
(s/fdef lnn/stream :args (with-rest ::network))
(s/fdef lnn/step!
  :args (s/cat :live some? :sample some? :elapsed-time (s/? number?)
               :time-constants (s/? ::time-constants)))
(s/fdef lnn/stream-state :args (s/cat :live some?))
(s/fdef lnn/reset-stream! :args (s/cat :live some?))
(s/fdef lnn/describe :args (s/cat :network ::network) :ret map?)
(s/fdef lnn/wiring :args (s/cat :network ::network) :ret (s/coll-of map?))
(s/fdef lnn/parameters :args (with-rest ::network) :ret map?)
(s/fdef lnn/set-parameters! :args (s/cat :network ::network :changed map?) :ret ::network)
(s/fdef lnn/draw :args (with-rest ::network))
(s/fdef lnn/save :args (with-rest (s/or :network ::network :forecaster ::forecaster) ::path))
(s/fdef lnn/load-network :args (s/cat :path ::path) :ret ::network)
(s/fdef lnn/conformance :args (s/cat :folder (s/? (s/nilable ::path))) :ret (s/coll-of map?))
(s/fdef lnn/network? :args (s/cat :x any?) :ret boolean?)
(s/fdef lnn/stop-trainings! :args (s/cat) :ret nat-int?)
