(ns liquid-neural-networks.tables-test
  (:require [clojure.edn :as edn]
            [clojure.java.io :as io]
            [clojure.string :as str]
            [clojure.test :refer [are deftest is testing]]
            [liquid-neural-networks.core :as lnn]
            [liquid-neural-networks.helpers :refer [close? error executable finish python start
                                                    temporary]]
            [liquid-neural-networks.test-runner :refer [skip!]])
  (:import [java.time Instant LocalDate LocalDateTime ZoneId ZoneOffset]))

(def rows 240)

(def table
  "Days with a gap, two waves, one of them with holes, and what the weather was."
  {:date (mapv #(.plusDays (LocalDate/of 2020 1 1) (if (< % 100) % (+ % 5))) (range rows))
   :temp_max (mapv #(Math/sin (* 0.2 %)) (range rows))
   :wind (mapv #(when-not (zero? (mod % 7)) (Math/cos (* 0.2 %))) (range rows))
   :weather (mapv #(if (pos? (Math/sin (* 0.2 %))) "sun" "rain") (range rows))})

(defn- written
  "A CSV file of a table."
  [table]
  (let [path (temporary "table.csv")]
    (spit path (str (str/join "," (map name (keys table))) "\n"
                    (str/join "\n" (apply map (fn [& cells] (str/join "," cells)) (vals table)))
                    "\n"))
    path))

(def ^:private ->data-set
  "A data set of tech.ml.dataset, or of the stand-in for it; nil where there is neither."
  (try (requiring-resolve 'tech.v3.dataset/->dataset)
       (catch java.io.FileNotFoundException _ nil)))

(defmacro ^:private when-data-sets [& body]
  `(if ->data-set
     (do ~@body)
     (skip! "data sets" "tech.ml.dataset is not on the class path")))

(def ^:private quick
  {:time :date :features [:temp_max :wind] :hidden-size 6 :epochs 4 :window 16 :progress false})

(deftest a-file-is-read-as-it-was-written
  (is (= table (lnn/read-table (written table))))
  (is (= (keys table) (keys (lnn/read-table (io/file (written table))))))
  (testing "and numbers as arrays"
    (let [{:keys [wind date weather]} (lnn/read-table (written table) :as :double-array)]
      (is (instance? (Class/forName "[D") wind))
      (is (= (map some? (:wind table)) (map #(not (Double/isNaN %)) wind)))
      (is (= [(:date table) (:weather table)] [date weather]))))
  (testing "times with and without a zone, flags, and empty cells"
    (let [path (temporary "times.csv")]
      (spit path (str "local,zoned,flag\n"
                      "2020-01-01 10:00:00.5,2020-01-01T10:00:00+02:00,true\n,,false\n"))
      (is (= {:local [(LocalDateTime/parse "2020-01-01T10:00:00.5") nil]
              :zoned [(Instant/parse "2020-01-01T08:00:00Z") nil]
              :flag [true false]}
             (lnn/read-table path))))))

(deftest a-table-of-columns-trains-like-its-file
  (let [outcome #(dissoc (:history %) :ended)
        file (lnn/fit-table (written table) :temp_max quick)
        columns (lnn/fit-table table "temp_max" (assoc quick :time "date"))
        arrays (lnn/fit-table (-> table
                                  (update :temp_max double-array)
                                  (update :wind (partial map #(or % ##NaN)))
                                  (update :date (partial mapv #(.atStartOfDay ^LocalDate %))))
                              [:temp_max] quick)]
    (is (= (:history file) (:history columns) (:history arrays)))
    (is (= (:test file) (:test columns) (:test arrays)))
    (is (= 4 (count (:train-loss (outcome file)))))
    (testing "and says what it is"
      (is (= "#<Forecaster of temp_max, 1 row ahead: #<LiquidNetwork 5 inputs, 6 neurons, 1 outputs, conductance, 36 + 30 synapses, 299 parameters>>"
             (pr-str columns) (str columns)))
      (is (= {:features ["temp_max" "wind"] :targets ["temp_max"] :time "date" :time-unit 86400.0
              :dates true :calendar ["weekday"] :group nil :classes nil}
             (select-keys (:columns file) [:features :targets :time :time-unit :dates :calendar
                                           :group :classes])))
      (is (= [1 false "linear" :finished]
             [(:horizon file) (:path file) (:baseline file) (:ended (:history file))]))
      (is (nil? (:else file)) "nothing else"))
    (testing "with Python's own result, bit for bit"
      (let [{:keys [train-loss test-mse predicted]}
            (edn/read-string (python "
import sys, torch
from liquid_neural_networks.training import fit_table
torch.set_num_threads(1)
found = fit_table(sys.argv[1], 'temp_max', time='date', features=['temp_max', 'wind'],
                  hidden_size=6, epochs=4, window=16, progress=False)
print('{:train-loss', found.history.train_loss, ':test-mse', found.test['mse'],
      ':predicted', found.predict(sys.argv[1])['predicted_temp_max'].to_list(), '}')
" (written table)))]
        (is (= train-loss (:train-loss (:history file))))
        (is (= test-mse (:mse (:test file))))
        (is (= predicted (:predicted_temp_max (lnn/predict file table))))))))

(deftest forecasts-are-columns
  (let [forecaster (lnn/fit-table table :temp_max (assoc quick :epochs 30))
        found (lnn/predict forecaster table)
        errors (fn [forecast] (map #(Math/abs (double (- %1 %2))) forecast (rest (:temp_max table))))
        mean #(/ (reduce + %) (count %))]
    (is (= [:date :made_at :predicted_temp_max] (keys found)))
    (is (= (:date table) (:made_at found)))
    (is (= (rest (:date table)) (butlast (:date found))))
    (is (= (map last (vals found))
           (map first (vals (lnn/predict forecaster table :latest true)))))
    (is (= rows (count (:predicted_temp_max found))))
    (is (< (mean (errors (:predicted_temp_max found))) (* 0.5 (mean (errors (:temp_max table)))))
        "it learned more than to repeat the latest value")
    (is (< (:mse (:test forecaster)) (* 0.5 (-> forecaster :test :baselines :latest :mse))))
    (is (= (:predicted_temp_max found)
           (seq (:predicted_temp_max (lnn/predict forecaster table :as :double-array)))))
    (is (= #{:mse :mae :r2 :count :baselines} (set (keys (lnn/evaluate forecaster table)))))
    (testing "nil before the first known value"
      (is (nil? (first (:predicted_temp_max
                        (lnn/predict forecaster (assoc-in table [:temp_max 0] nil)))))))
    (testing "its network streams"
      (with-open [live (lnn/stream (:network forecaster))]
        (is (= 1 (count (lnn/step! live [0.1 nil 0.0 1.0 0.2] 1.0))))))))

(deftest classes-are-labels
  (let [forecaster (lnn/fit-table table :weather (assoc quick :epochs 30))
        {:keys [predicted_weather probability]} (lnn/predict forecaster table)]
    (is (= ["rain" "sun"] (:classes (:columns forecaster))))
    (is (= 0 (:horizon forecaster)))
    (is (< (-> forecaster :test :baselines :commonest :accuracy) 0.8 (:accuracy (:test forecaster))))
    (is (= #{"rain" "sun"} (set predicted_weather)))
    (is (every? #(<= 0.5 % 1.0) probability))))

(deftest a-forecaster-is-kept
  (let [forecaster (lnn/fit-table table :temp_max quick)
        path (temporary "forecaster.lnn")
        again (do (is (= path (lnn/save forecaster path))) (lnn/load-forecaster path))]
    (is (= (lnn/predict forecaster table) (lnn/predict again table)))
    (is (= (:test forecaster) (:test again)))
    (is (= (str forecaster) (str again)))
    (is (lnn/network? (lnn/load-network path)))
    (testing "and the command line reads it"
      (let [{:keys [exit out]} (finish (start {} executable "-m" "liquid_neural_networks.cli"
                                              "predict" path (written table))
                                       120)
            printed (rest (drop-while #(not (str/starts-with? % "date,")) (str/split-lines out)))]
        (is (= 0 exit) out)
        (is (close? 1e-9 (:predicted_temp_max (lnn/predict forecaster table))
                    (map #(parse-double (last (str/split % #","))) printed)))))
    (testing "but a network alone is none"
      (lnn/save (:network forecaster) path)
      (is (= :model-file-error (:type (error (lnn/load-forecaster path))))))))

(deftest the-callback-sees-and-stops
  (let [seen (atom [])
        forecaster (lnn/fit-table table :temp_max
                                  (assoc quick :epochs 50
                                         :on-epoch #(do (swap! seen conj (:epoch %))
                                                        (when (= 2 (:epoch %)) :stop))))]
    (is (= [1 2] @seen))
    (is (= :callback (:ended (:history forecaster))))
    (is (= 2 (count (:train-loss (:history forecaster))))))
  (is (= "mine" (:message (error (lnn/fit-table table :temp_max
                                                (assoc quick :on-epoch
                                                       (fn [_] (throw (ex-info "mine" {}))))))))))

(deftest what-cannot-be-used-is-named
  (are [type argument arguments]
       (= {:type type :argument argument}
          (select-keys (error (apply lnn/fit-table arguments)) [:type :argument]))
    :data-error "nowhere.csv" ["nowhere.csv" :temp_max]
    :data-error :humidity [table :humidity quick]
    :data-error :weather [table :temp_max (assoc quick :features [:weather])]
    :shape-error :wind [(update table :wind pop) :temp_max quick]
    :data-error :table [{} :temp_max]
    :data-error :date [(update table :date (comp vec reverse)) :temp_max quick]
    :dtype-error :table [[1 2 3] :temp_max]
    :dtype-error :targets [table 3]
    :dtype-error :targets [table []]
    :dtype-error :features [table :temp_max (assoc quick :features #{:wind :temp_max})]
    :dtype-error :wind [(assoc-in table [:wind 3] "strong") :temp_max quick]
    :dtype-error :date [(assoc-in table [:date 3] 3) :temp_max quick]
    :dtype-error :date [(assoc-in table [:date 3] (Instant/parse "2020-01-04T00:00:00Z"))
                        :temp_max quick]
    :dtype-error :weather [(assoc-in table [:weather 3] 3) :temp_max quick]
    :dtype-error :wind [(assoc-in table [:wind 3] [1]) :temp_max quick]
    :domain-error :window [table :temp_max (assoc quick :window 0)]
    :option-error :windows [table :temp_max (assoc quick :windows 3)]
    :dtype-error :time [table :temp_max (assoc quick :time 3)])
  (let [forecaster (lnn/fit-table table :temp_max (assoc quick :epochs 1))]
    (are [type argument f]
         (= {:type type :argument argument} (select-keys (error (f)) [:type :argument]))
      :data-error :wind #(lnn/predict forecaster (dissoc table :wind))
      :option-error :batch-size #(lnn/predict forecaster table {:batch-size 3})
      :option-error :batch-size #(lnn/evaluate forecaster table {:batch-size 3})
      :option-error :metadata #(lnn/save forecaster "f.lnn" {:metadata {}})
      :dtype-error :network #(lnn/forward forecaster [[1 2]])
      :dtype-error :network #(lnn/predict nil table))))

(deftest rows-and-data-sets-are-tables
  (let [outcome #(:train-loss (:history (lnn/fit-table % :temp_max quick)))
        expected (outcome table)
        rows (apply mapv (fn [& cells] (zipmap (keys table) cells)) (vals table))]
    (are [given] (= expected (outcome given))
      rows
      (map #(into (sorted-map) %) rows)
      (map #(if (:wind %) % (dissoc % :wind)) rows)
      (update-keys table name))
    (when-data-sets
     (is (= expected (outcome (->data-set table))))
     (is (= expected (outcome (->data-set (into (sorted-map-by #(compare %2 %1)) table))))))
    (testing "and forecasts may come as either"
      (let [forecaster (lnn/fit-table rows :temp_max quick)
            columns (lnn/predict forecaster table)
            back (lnn/predict forecaster rows {:as :rows})]
        (is (= [:date :made_at :predicted_temp_max] (keys (first back))))
        (is (= (:predicted_temp_max columns) (map :predicted_temp_max back)))
        (when-data-sets
         (is (= columns (into {} (map (fn [[column values]] [column (vec values)]))
                              (lnn/predict forecaster (->data-set table) :as :dataset)))))
        (is (= (lnn/evaluate forecaster table) (lnn/evaluate forecaster rows)))
        (is (= rows (lnn/read-table (written table) :as :rows)))))))

(deftest the-order-of-columns-is-not-an-accident
  (let [columns (into {} (for [n (range 12)]
                           [(keyword (str "c" n)) (mapv #(Math/sin (* 0.1 (inc n) %)) (range 90))]))
        options {:hidden-size 4 :epochs 1 :window 16 :progress false}
        outcome #(let [f (lnn/fit-table %1 :c0 (merge options %2))]
                   [(:features (:columns f)) (:train-loss (:history f))])
        named (sort (map name (keys columns)))]
    (testing "maps that are equal give equal results"
      (is (= named (first (outcome columns {}))))
      (is (= (outcome columns {})
             (outcome (apply array-map (mapcat identity (reverse (sort columns)))) {})
             (outcome (assoc (dissoc columns :c7) :c7 (:c7 columns)) {}))))
    (testing "features may be named in one"
      (is (= (reverse named)
             (first (outcome columns {:features (reverse (sort (keys columns)))})))))
    (testing "a data set has one"
      (when-data-sets
       (let [turned (->data-set (into (sorted-map-by #(compare %2 %1)) columns))]
         (is (= (reverse named) (first (outcome turned {}))))
         (is (= (outcome turned {})
                (outcome columns {:features (reverse (sort (keys columns)))}))))))))

(deftest times-of-java-time-and-java-sql
  (let [days (:date table)
        outcome #(:train-loss (:history (lnn/fit-table (assoc table :date %) :temp_max quick)))
        utc #(.toInstant (.atStartOfDay ^LocalDate %) ZoneOffset/UTC)
        expected (outcome days)]
    (are [to] (= expected (outcome (mapv to days)))
      #(java.sql.Date/valueOf ^LocalDate %)
      #(.atStartOfDay ^LocalDate %)
      utc
      #(java.util.Date/from (utc %))
      #(java.sql.Timestamp/from (utc %))
      #(.atZone ^Instant (utc %) (ZoneId/of "Asia/Tokyo"))
      #(.atOffset ^Instant (utc %) (ZoneOffset/ofHours 5)))
    (is (= {:type :dtype-error :argument :date}
           (select-keys (error (outcome (mapv (fn [_] (java.sql.Time. 0)) days)))
                        [:type :argument])))))

(deftest arguments-have-the-callers-own-names
  (let [argument #(:argument (error (lnn/fit-table % :temp_max quick)))
        broken (update table :temp_max pop)]
    (are [expected given] (= expected (argument given))
      :temp_max broken
      "temp_max" (update-keys broken name))
    (is (= [:data-error :my.app/temp_max]
           ((juxt :type :argument) (error (lnn/fit-table
                                             (assoc (select-keys table [:wind])
                                                    :my.app/temp_max (:weather table))
                                             :wind {:features [:my.app/temp_max]})))))
    (is (= :data-error (:type (error (lnn/fit-table {:a [1 2] "a" [1 2]} :a)))))
    (is (re-find #"two columns are called \"a\"" (:message (error (lnn/fit-table {:a [1 2] "a" [1 2]} :a)))))
    (let [{:keys [type argument message]} (error (lnn/fit-table "no/such/table_of.csv" :temp_max))]
      (is (= [:data-error "no/such/table_of.csv"] [type argument]))
      (is (re-find #"^no/such/table_of.csv: " message)))
    (is (= [:data-error :the_target]
           ((juxt :type :argument) (error (lnn/fit-table (written table) :the_target)))))
    (is (= [:domain-error :hidden-size]
           ((juxt :type :argument) (error (lnn/fit-table table :temp_max (assoc quick :hidden-size 0))))))))

(deftest several-series-in-one-table
  (let [series (fn [name shift] (for [n (range 90)]
                                  {:my.app/pump-id name :hour-of-run n :x_1 (Math/sin (* 0.2 (+ n shift)))}))
        rows (concat (series "a" 0) (series "b" 3))
        options {:group :my.app/pump-id :time :hour-of-run :hidden-size 4 :epochs 1 :window 16
                 :progress false}
        forecaster (lnn/fit-table rows :x_1 options)
        forecasts (lnn/predict forecaster rows {:as :rows})]
    (is (= 180 (count forecasts)))
    (is (= ["a" "b"] (distinct (map :my.app/pump-id forecasts))))
    (is (= {:type :data-error :argument :pump_id}
           (select-keys (error (lnn/fit-table rows :x_1 (assoc options :group :pump_id)))
                        [:type :argument])))))
