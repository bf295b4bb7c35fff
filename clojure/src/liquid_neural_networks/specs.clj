(ns liquid-neural-networks.specs
  "Specs of the functions of core, for `clojure.spec.test.alpha/instrument` while developing, and
  of their options: `(s/valid? :liquid-neural-networks.options/forward {:as :array})`.
  Without them, bad arguments get the errors that core documents."
  (:require [clojure.spec.alpha :as s]
            [liquid-neural-networks.core :as lnn]
            [liquid-neural-networks.options :as options]))

(s/def ::network lnn/network?)
(s/def ::forecaster lnn/forecaster?)
(s/def ::inputs (s/or :nested sequential? :flat (s/and map? #(contains? % :data))
                      :array-or-tensor #(not (or (map? %) (keyword? %) (nil? %)))))
(s/def ::time-constants (s/nilable (s/and (complement keyword?)
                                          #(or (not (map? %)) (contains? % :data)))))
(s/def ::data ::options/windows)
(s/def ::table (s/or :file ::options/a-path
                     :columns map?
                     :rows (s/coll-of map?)
                     :data-set some?))

(defmacro ^:private arguments
  "The spec of required arguments, given like those of `s/cat`, and a verb's options."
  [verb & required]
  `(s/cat ~@required :options (options/after-arguments ~verb)))

(defmacro ^:private run-arguments [verb]
  `(s/cat :network ::network :inputs ::inputs
          :more (s/? (s/cat :time-constants ::time-constants
                            :options (options/after-arguments ~verb)))))

(defmacro ^:private of-a-model [for-networks for-forecasters]
  `(s/alt :network (arguments ~for-networks :network ::network :data ::data)
          :forecaster (arguments ~for-forecasters :forecaster ::forecaster :table ::table)))

(s/fdef lnn/initialize! :args (s/cat :options (s/? (s/nilable ::options/initialize!))) :ret map?)
(s/fdef lnn/create-network :args (s/cat :options ::options/create-network) :ret ::network)
(s/fdef lnn/forward :args (run-arguments :forward))
(s/fdef lnn/trace :args (run-arguments :trace))
(s/fdef lnn/effective-time-constants :args (run-arguments :effective-time-constants))
(s/fdef lnn/train! :args (arguments :train! :network ::network :data ::data) :ret map?)
(s/fdef lnn/predict :args (of-a-model :predict :forecaster/predict))
(s/fdef lnn/evaluate :args (of-a-model :evaluate :forecaster/evaluate) :ret map?)
(s/fdef lnn/read-table :args (arguments :read-table :path ::options/a-path))
(s/fdef lnn/fit-table
  :args (arguments :fit-table :table ::table :targets ::options/column-or-columns)
  :ret ::forecaster)
(s/fdef lnn/load-forecaster :args (s/cat :path ::options/a-path) :ret ::forecaster)
(s/fdef lnn/load-data :args (arguments :load-data :task ::options/choice) :ret map?)
(s/fdef lnn/stream :args (arguments :stream :network ::network))
(s/fdef lnn/step!
  :args (s/cat :live some? :sample some? :elapsed-time (s/? number?)
               :time-constants (s/? ::time-constants)))
(s/fdef lnn/stream-state :args (s/cat :live some?))
(s/fdef lnn/reset-stream! :args (s/cat :live some?))
(s/fdef lnn/learner :args (arguments :learner :network ::network))
(s/fdef lnn/guarded :args (arguments :guarded :network ::network))
(s/fdef lnn/about-learner :args (s/cat :live some?))
(s/fdef lnn/assume! :args (s/cat :live some? :target some?))
(s/fdef lnn/commit! :args (s/cat :live some?))
(s/fdef lnn/snapshot :args (s/cat :live some?))
(s/fdef lnn/restore! :args (s/cat :live some? :snapshot some?))
(s/fdef lnn/describe :args (arguments :describe :network ::network))
(s/fdef lnn/attribute
  :args (arguments :attribute :network ::network :inputs ::inputs) :ret map?)
(s/fdef lnn/ablate :args (arguments :ablate :network ::network) :ret ::network)
(s/fdef lnn/rules :args (arguments :rules :network ::network :inputs ::inputs) :ret map?)
(s/fdef lnn/formula :args (arguments :formula :network ::network :inputs ::inputs) :ret map?)
(s/fdef lnn/fixed-points
  :args (arguments :fixed-points :network ::network :inputs ::inputs) :ret map?)
(s/fdef lnn/epochs :args (arguments :epochs :history map?))
(s/fdef lnn/wiring :args (s/cat :network ::network) :ret (s/coll-of map?))
(s/fdef lnn/parameters :args (arguments :parameters :network ::network) :ret map?)
(s/fdef lnn/set-parameters! :args (s/cat :network ::network :changed map?) :ret ::network)
(s/fdef lnn/draw :args (arguments :draw :network ::network))
(s/fdef lnn/save
  :args (s/alt :network (arguments :save :network ::network :path ::options/a-path)
               :forecaster (arguments :forecaster/save
                                      :forecaster ::forecaster :path ::options/a-path)))
(s/fdef lnn/load-network :args (s/cat :path ::options/a-path) :ret ::network)
(s/fdef lnn/conformance :args (s/cat :folder (s/? (s/nilable ::options/a-path)))
  :ret (s/coll-of map?))
(s/fdef lnn/network? :args (s/cat :x any?) :ret boolean?)
(s/fdef lnn/forecaster? :args (s/cat :x any?) :ret boolean?)
(s/fdef lnn/stop-trainings! :args (s/cat) :ret nat-int?)
