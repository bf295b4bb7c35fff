(ns ^:no-doc liquid-neural-networks.training
  "Training under watch: a callback after every epoch, a line of progress, and ways to stop."
  (:require [liquid-neural-networks.arrays :as arrays]
            [liquid-neural-networks.options :as options]
            [liquid-neural-networks.runtime :as runtime]))

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

(defn train!
  "See `liquid-neural-networks.core/train!`."
  [owned data {:keys [valid on-epoch progress epochs] :or {progress true} :as checked}]
  (let [thrown (volatile! nil)
        line (when progress (progress-line (or epochs 100)))
        each-epoch (guarded (fn [epoch]
                              (when line (line epoch))
                              (when on-epoch (on-epoch epoch)))
                            thrown)
        history
        (runtime/with-stop-flag
          (fn [flag]
            (let [unwatch (watch-interrupts (Thread/currentThread) flag)]
              (try
                (binding [*on-epoch* each-epoch]
                  (runtime/call-on owned "train"
                                   (arrays/described-parts (cond-> {:train data}
                                                             valid (assoc :valid valid)))
                                   (options/to-python (dissoc checked :valid :on-epoch :progress))
                                   @callback
                                   (runtime/address flag)))
                (finally
                  (unwatch)
                  (when line (binding [*out* *err*] (newline) (flush))))))))]
    (when-let [t @thrown] (throw t))
    (update (options/to-clojure history) :ended keyword)))
