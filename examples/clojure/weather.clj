(ns weather
  "Tomorrow's highest temperature in Seattle: a table goes in, a forecaster comes out. The twin of
  examples/weather.

      LNN_DATA=/path/to/data clojure -M:dev -m weather [epochs]"
  (:require [common :refer [data-file]]
            [liquid-neural-networks.core :as lnn]))

(defn- with-season
  "A table of days with where in the year they are, and the level beside its changes."
  [{:keys [date temp_max] :as table}]
  (let [turn #(* 2 Math/PI (/ (.getDayOfYear ^java.time.LocalDate %) 365.25))]
    (assoc table
           :today temp_max
           :sine (mapv #(Math/sin (turn %)) date)
           :cosine (mapv #(Math/cos (turn %)) date))))

(defn run
  "Trains on 2012 and 2013, chooses the epoch on 2014, and tests on 2015: root mean square errors
  in °C of the network and of \"the same as today\", and the forecaster."
  [epochs]
  (let [table (with-season (lnn/read-table (data-file "weather_seattle" "seattle-weather.csv")))
        year 0.25
        forecaster (lnn/fit-table table :temp_max
                                  {:features [:temp_max :today :temp_min :precipitation :wind
                                              :sine :cosine]
                                   :time :date, :valid year, :test year, :stride 4
                                   :hidden-size 7, :epochs epochs, :patience epochs
                                   :learning-rate 0.02, :schedule :cosine})
        {:keys [mse baselines]} (:test forecaster)]
    {:error (Math/sqrt mse) :same-as-today (Math/sqrt (:mse (:latest baselines)))
     :forecaster forecaster :table table}))

(defn -main [& [epochs]]
  (lnn/initialize! {:threads 1})
  (let [{:keys [error same-as-today forecaster table]} (run (parse-long (or epochs "80")))
        {:keys [date predicted_temp_max]} (lnn/predict forecaster table)]
    (println (str forecaster))
    (println (format "root mean square error in 2015: %.2f °C; \"the same as today\": %.2f °C"
                     error same-as-today))
    (println (format "on %s: %.1f °C" (peek date) (peek predicted_temp_max)))
    (println "wrote" (lnn/save forecaster "weather.lnn"))))
