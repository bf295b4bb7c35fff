(ns anomaly
  "Anomalies in streams of the Numenta Anomaly Benchmark, row by row in one pass: eight neurons
  forecast the next value, and a stretch that surprises them much more than usual is an anomaly.
  The twin of examples/anomaly.

      LNN_DATA=/path/to/data clojure -M:dev -m anomaly [epochs]"
  (:require [clojure.data.json :as json]
            [clojure.string :as str]
            [common :refer [data-file deviation mean]]
            [liquid-neural-networks.core :as lnn])
  (:import [clojure.lang PersistentQueue]
           [java.time LocalDateTime]))

(def streams
  ["realKnownCause/machine_temperature_system_failure" "realKnownCause/nyc_taxi"
   "realKnownCause/ambient_temperature_system_failure" "realTraffic/occupancy_6005"
   "realTraffic/speed_t4013"])

(def ^:private probation "Share of a stream to learn from; alarms there do not count." 0.15)
(def ^:private window 48)
(def ^:private recent "Rows whose errors are averaged." 10)

;; -- data -----------------------------------------------------------------------------------

(defn- clock
  "Where in the day and in the week a time is."
  [^LocalDateTime time]
  (let [day (* 2 Math/PI (/ (+ (.getHour time) (/ (.getMinute time) 60.0)) 24))
        week (/ (+ day (* 2 Math/PI (.getValue (.getDayOfWeek time)))) 7)]
    [(Math/sin day) (Math/cos day) (Math/sin week) (Math/cos week)]))

(defn- anomalies
  "[first last] times of the anomalies of a stream."
  [name]
  (let [labels (json/read-str (slurp (data-file "nab" "labels.json")))]
    (for [ends (get-in labels [(str name ".csv") "windows"])]
      (mapv #(LocalDateTime/parse (str/replace % " " "T")) ends))))

(defn- read-stream
  "{:rows :anomalies :start} of a stream: its values in units of the probation with the clock, the
  row ranges of its anomalies, and the first row after probation."
  [name]
  (let [{:keys [timestamp value]}
        (lnn/read-table (data-file "nab" (str (last (str/split name #"/")) ".csv")))
        start (int (* probation (count value)))
        known (subvec value 0 start)
        [middle unit] [(mean known) (deviation known)]
        row-of (fn [^LocalDateTime time]
                 (count (take-while #(.isBefore ^LocalDateTime % time) timestamp)))]
    {:rows (mapv #(into [(/ (- %2 middle) unit)] (clock %1)) timestamp value)
     :anomalies (for [[from to] (anomalies name)] [(row-of from) (row-of to)])
     :start start}))

;; -- one pass -------------------------------------------------------------------------------

(defn- errors
  "A transducer from rows to how far each value is from its forecast. `forecast` says, of a row,
  how much the value will have changed in the next."
  [forecast]
  (fn [add]
    (let [expected (volatile! nil)]
      (fn
        ([result] (add result))
        ([result [value :as row]]
         (let [error (if @expected (Math/abs (- value @expected)) 0.0)]
           (vreset! expected (+ value (forecast row)))
           (add result error)))))))

(defn- unlikely
  "A transducer from errors to how many deviations the mean of the recent ones lies above all
  before them. It keeps three sums and the recent errors.

  Source: Ahmad et al., Neurocomputing 262 (2017)."
  []
  (fn [add]
    (let [state (volatile! {:n 0 :sum 0.0 :squares 0.0 :latest PersistentQueue/EMPTY})]
      (fn
        ([result] (add result))
        ([result error]
         (let [{:keys [n sum squares latest]}
               (vswap! state
                       (fn [{:keys [n sum squares latest]}]
                         (let [latest (conj latest error)]
                           (if (or (zero? n) (< recent (count latest)))
                             (let [old (peek latest)
                                   latest (if (< recent (count latest)) (pop latest) latest)]
                               {:n (inc n) :sum (+ sum old) :squares (+ squares (* old old))
                                :latest latest})
                             {:n n :sum sum :squares squares :latest latest}))))
               usual (/ sum n)
               spread (Math/sqrt (max 1e-12 (- (/ squares n) (* usual usual))))]
           (add result (/ (- (mean latest) usual) spread))))))))

(defn- scores [forecast {:keys [rows]}]
  (into [] (comp (errors forecast) (unlikely)) rows))

;; -- how good it is -------------------------------------------------------------------------

(defn- outcome
  "{:found :missed :false-alarms} of alarms above a threshold; alarms in a row are one."
  [threshold scores {:keys [anomalies start]}]
  (let [alarms (filter #(and (<= start %) (< threshold (scores %))) (range (count scores)))
        within? (fn [[from to] row] (<= from row to))
        found (count (filter (fn [anomaly] (some #(within? anomaly %) alarms)) anomalies))
        outside (remove (fn [row] (some #(within? % row) anomalies)) alarms)]
    {:found found
     :missed (- (count anomalies) found)
     :false-alarms (count (remove (set outside) (map dec outside)))}))

(defn- f1 [{:keys [found missed false-alarms]}]
  (/ (* 2.0 found) (+ (* 2 found) missed false-alarms)))

(defn- best
  "The outcome at the best of many thresholds, one for all streams, as the benchmark does it."
  [scores streams]
  (let [after (vec (sort (mapcat #(subvec %1 (:start %2)) scores streams)))
        rank #(nth after (int (* (dec (count after)) (- 1 (Math/pow 10 %)))))]
    (->> (range -4.5 -1.3 0.05)
         (map #(apply merge-with + (map (partial outcome (rank %)) scores streams)))
         (apply max-key f1))))

;; -- the network ----------------------------------------------------------------------------

(defn- learned
  "A network that learned, in probation, how much the value changes until the next row."
  [{:keys [rows start]} epochs]
  (let [changes (mapv #(vector (- (first %2) (first %1))) rows (rest rows))
        windows (fn [from to]
                  (let [starts (range from (- to window -1) 8)
                        cut (fn [values] (for [at starts] (subvec values at (+ at window))))]
                    {:inputs (cut rows) :targets (cut changes)}))
        cut (int (* 0.8 start))
        network (lnn/create-network {:input-size 5 :hidden-size 8 :output-size 1 :seed 0})]
    ;; Sensory synapses open around 0.5: there the inputs are to begin.
    (lnn/set-parameters! network {:neurons [{:a (repeat 5 0.5) :b (repeat 5 0.5)}]})
    (lnn/train! network (windows 0 cut) {:valid (windows cut start) :epochs epochs
                                         :learning-rate 0.02 :schedule :cosine :progress false})
    network))

(defn run
  "Outcomes over these streams of the network, and of judging every change by itself."
  [names epochs]
  (let [streams (mapv read-stream names)
        scored (fn [stream]
                 (with-open [live (lnn/stream (learned stream epochs))]
                   (scores #(first (lnn/step! live %)) stream)))]
    {:liquid (best (mapv scored streams) streams)
     :changes (best (mapv (partial scores (constantly 0.0)) streams) streams)}))

(defn -main [& [epochs]]
  (lnn/initialize! {:threads 1})
  (let [outcomes (run streams (parse-long (or epochs "30")))]
    (doseq [[name key] [["a liquid network" :liquid] ["changes alone" :changes]]
            :let [{:keys [found missed false-alarms] :as outcome} (outcomes key)]]
      (println (format "%-16s  found %d of %d anomalies, %d false alarms, F1 %.2f"
                       name found (+ found missed) false-alarms (f1 outcome))))))
