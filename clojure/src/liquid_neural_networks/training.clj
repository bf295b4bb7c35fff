(ns ^:no-doc liquid-neural-networks.training
  "Training under watch: a callback after every epoch, a line of progress, and ways to stop."
  (:require [liquid-neural-networks.arrays :as arrays]
            [liquid-neural-networks.options :as options]
            [liquid-neural-networks.runtime :as runtime]
            [liquid-neural-networks.tables :as tables]))

(set! *warn-on-reflection* true)

(def ^:private ^:dynamic *on-epoch*
  "What the training of this thread calls after every epoch; it returns whether to stop."
  nil)

(def ^:private callback
  ;; One for all trainings: a callable is never freed. Python calls it on the training's thread.
  (delay (runtime/callable
          (fn [epoch train-loss valid-loss best-epoch]
            (*on-epoch* (cond-> {:epoch epoch :train-loss train-loss :best-epoch best-epoch}
                          valid-loss (assoc :valid-loss valid-loss)))))))

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

(defn- guarded
  "A callback that asks to stop instead of throwing; what it threw is kept in `thrown`."
  [on-epoch thrown]
  (fn [epoch]
    (try
      (= :stop (on-epoch epoch))
      (catch Throwable t
        (vreset! thrown t)
        true))))

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

(defn- watched
  "The history of a training under watch. `call` starts it, given the callback for Python and the
  address of the stop flag, and returns what Python answers."
  [{:keys [on-epoch progress epochs] :or {progress true epochs 100}} call]
  (let [thrown (volatile! nil)
        line (when progress (progress-line epochs))
        each-epoch (guarded (fn [epoch]
                              (when line (line epoch))
                              (when on-epoch (on-epoch epoch)))
                            thrown)
        answer
        (runtime/with-stop-flag
          (fn [flag]
            (let [unwatch (watch-interrupts (Thread/currentThread) flag)]
              (try
                (binding [*on-epoch* each-epoch]
                  (call @callback (runtime/address flag)))
                (finally
                  (unwatch)
                  (when line (binding [*out* *err*] (newline) (flush))))))))]
    (when-let [t @thrown] (throw t))
    answer))

(defn- history [answer]
  (update (options/to-clojure answer) :ended keyword))

(defn train!
  "See `liquid-neural-networks.core/train!`."
  [owned data {:keys [valid] :as checked}]
  (history
   (watched checked
            (fn [progress stop]
              (runtime/call-on owned "train"
                               (arrays/described-parts (cond-> {:train data}
                                                         valid (assoc :valid valid)))
                               (options/to-python (dissoc checked :valid :on-epoch :progress))
                               progress
                               stop)))))

(defn fit-table
  "See `liquid-neural-networks.core/fit-table`; what Python says of the forecaster."
  [table targets {:keys [features time] :as checked}]
  (let [more (cond-> (options/to-python (dissoc checked :on-epoch :progress :features :time))
               features (assoc "features" (mapv tables/column-name features))
               time (assoc "time" (tables/column-name time)))]
    (update (watched checked
                     (fn [progress stop]
                       (runtime/call "fit_table" [(tables/to-python table)
                                                  (tables/column-names targets)
                                                  more progress stop])))
            "history" history)))
