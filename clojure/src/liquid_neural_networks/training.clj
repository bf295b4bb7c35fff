(ns ^:no-doc liquid-neural-networks.training
  "Training under watch: an epoch at a time, a line of progress, and ways to stop."
  (:require [liquid-neural-networks.arrays :as arrays]
            [liquid-neural-networks.memory :as memory :refer [with-memory]]
            [liquid-neural-networks.options :as options]
            [liquid-neural-networks.runtime :as runtime]
            [liquid-neural-networks.tables :as tables]))

(set! *warn-on-reflection* true)

(defn- progress-line
  "A function that keeps one line on standard error up to date, at most five times a second."
  [epochs]
  (let [shown (volatile! 0)]
    (fn [{:keys [epoch train-loss valid-loss best-epoch]}]
      (let [now (System/currentTimeMillis)]
        (when (or (= epoch epochs) (< 200 (- now @shown)))
          (vreset! shown now)
          (binding [*out* *err*]
            (print (str "\r" (format "epoch %d/%d  train %.4g" epoch epochs train-loss)
                        (when valid-loss (format "  valid %.4g" valid-loss))
                        "  best epoch " best-epoch "   "))
            (flush)))))))

(defn- watch-interrupts
  "Sets the stop flag when `thread` is interrupted, as future-cancel and editors do.
  Returns a function that ends the watch."
  [^Thread thread ^java.nio.ByteBuffer flag]
  (let [over (promise)]
    (doto (Thread. ^Runnable (fn []
                               (while (= ::wait (deref over 50 ::wait))
                                 (when (.isInterrupted thread) (.put flag 0 (byte 1)))))
                   "lnn-interrupts")
      (.setDaemon true)
      .start)
    #(deliver over true)))

(defn- next-epoch [handle stop named]
  (runtime/call "next_epoch" [handle stop] named))

(defn- after-epoch
  "What comes after an epoch that `seen` is called with, outside of Python; when it throws, the
  training ends first."
  [handle epoch seen named]
  (let [stop (try
               (= :stop (seen epoch))
               (catch Throwable t
                 (next-epoch handle true named)
                 (throw t)))]
    (next-epoch handle stop named)))

(defn- collect
  "Calls `seen` with each epoch of a training that has begun; the training's result."
  [handle seen named]
  (loop [{:strs [epoch result]} (next-epoch handle false named)]
    (if epoch
      (recur (after-epoch handle
                          (into {} (filter (comp some? val)) (options/to-clojure epoch))
                          seen named))
      result)))

(defn- watched
  "The result of a training under watch. `start` begins it, given the address of the stop flag,
  and returns its handle."
  [{:keys [on-epoch progress epochs] :or {progress true epochs 100}} start named]
  (let [line (when progress (progress-line epochs))
        seen (fn [epoch]
               (when line (line epoch))
               (when on-epoch (on-epoch epoch)))]
    (runtime/with-stop-flag
      (fn [flag]
        (let [unwatch (watch-interrupts (Thread/currentThread) flag)]
          (try
            (collect (start (memory/address flag)) seen named)
            (finally
              (unwatch)
              (when line (binding [*out* *err*] (newline) (flush))))))))))

(defn- history [answer]
  (update (options/to-clojure answer) :ended keyword))

(defn train!
  "See `liquid-neural-networks.core/train!`."
  [owned data {:keys [valid] :as checked}]
  (history
   (watched checked
            (fn [stop]
              (with-memory
                (runtime/call-on owned "train"
                                 [(arrays/described-parts (cond-> {:train data}
                                                            valid (assoc :valid valid)))
                                  (options/to-python (dissoc checked :valid :on-epoch :progress))
                                  stop])))
            options/argument-name)))

(def ^:private column-options
  "Options that name columns, whose names are the table's own."
  [:features :time :group :categories])

(defn fit-table
  "See `liquid-neural-networks.core/fit-table`; what Python says of the forecaster."
  [table targets checked]
  (let [named-columns (select-keys checked column-options)
        more (into (options/to-python (apply dissoc checked :on-epoch :progress column-options))
                   (for [[option columns] named-columns]
                     [(options/snake option) (tables/column-names columns)]))
        named (tables/names table targets (vals named-columns))]
    (update (watched checked
                     (fn [stop]
                       (with-memory
                         (runtime/call "fit_table" [(tables/to-python table)
                                                    (tables/column-names targets)
                                                    more stop]
                                       named)))
                     named)
            "history" history)))
